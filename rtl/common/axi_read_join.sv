// axi_read_join: two AXI4 read masters on one port with one ID: beats come back in the order of the addresses.
//
// For masters whose beats are always taken, as hbm_streamer's are: a beat that waits for its master stops those behind it. Where the
// IDs are free, axi_read_mux does it without a queue.
//
// Latency:       addresses 1 cycle, beats 0.
// Throughput:    one address and one beat a cycle, with up to Bursts bursts under way.
// Back-pressure: master 0 has precedence. s_axi_arready depends on registers and, for master 1, on master 0's arvalid; m_axi_rready on
//                the master that the beat is for.
// Errors:        a beat that nobody has asked for is handed to master 0, which has to judge it.
// Reset:         the memory side must be reset with it (AXI). There is no clear: what is under way comes.
//
// Parameters:
//   AddrW, DataW  address and data bits
//   Bursts        under way at most, >= 2: the Depth of a fifo
module axi_read_join #(
    parameter int unsigned AddrW = 64,
    parameter int unsigned DataW = 256,
    parameter int unsigned Bursts = 128
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    input  logic [1:0][AddrW-1:0] s_axi_araddr,
    input  logic [1:0][      7:0] s_axi_arlen,
    input  logic [1:0][      2:0] s_axi_arsize,
    input  logic [1:0][      1:0] s_axi_arburst,
    input  logic [1:0][      3:0] s_axi_arcache,
    input  logic [1:0][      2:0] s_axi_arprot,
    input  logic [1:0]            s_axi_arvalid,
    output logic [1:0]            s_axi_arready,
    output logic [1:0][      0:0] s_axi_rid,
    output logic [1:0][DataW-1:0] s_axi_rdata,
    output logic [1:0][      1:0] s_axi_rresp,
    output logic [1:0]            s_axi_rlast,
    output logic [1:0]            s_axi_rvalid,
    input  logic [1:0]            s_axi_rready,
    output logic [0:0]            m_axi_arid,
    output logic [AddrW-1:0]      m_axi_araddr,
    output logic [      7:0]      m_axi_arlen,
    output logic [      2:0]      m_axi_arsize,
    output logic [      1:0]      m_axi_arburst,
    output logic [      3:0]      m_axi_arcache,
    output logic [      2:0]      m_axi_arprot,
    output logic                  m_axi_arvalid,
    input  logic                  m_axi_arready,
    input  logic [0:0]            m_axi_rid,
    input  logic [DataW-1:0]      m_axi_rdata,
    input  logic [      1:0]      m_axi_rresp,
    input  logic                  m_axi_rlast,
    input  logic                  m_axi_rvalid,
    output logic                  m_axi_rready
);
  wire from = !s_axi_arvalid[0];  // the master whose address is next
  logic room, places, known, whose;
  logic [$clog2(Bursts+1)-1:0] unused_level;
  wire asks = (s_axi_arvalid & s_axi_arready) != '0;
  wire owner = known && whose;  // of the beat
  assign s_axi_arready = {room && places && from, room && places};

  spill_register #(.Width(AddrW + 8 + 3 + 2 + 4 + 3)) u_address (
      .clk_i, .rst_ni,
      .s_data_i({s_axi_araddr[from], s_axi_arlen[from], s_axi_arsize[from], s_axi_arburst[from], s_axi_arcache[from],
                 s_axi_arprot[from]}),
      .s_valid_i(asks), .s_ready_o(room),
      .m_data_o({m_axi_araddr, m_axi_arlen, m_axi_arsize, m_axi_arburst, m_axi_arcache, m_axi_arprot}),
      .m_valid_o(m_axi_arvalid), .m_ready_i(m_axi_arready)
  );

  fifo #(.Width(1), .Depth(Bursts)) u_order (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i(from), .s_valid_i(asks), .s_ready_o(places), .m_data_o(whose), .m_valid_o(known),
      .m_ready_i(m_axi_rvalid && m_axi_rready && m_axi_rlast), .level_o(unused_level)
  );

  assign m_axi_arid   = '0;
  assign s_axi_rid    = {2{m_axi_rid}};
  assign s_axi_rdata  = {2{m_axi_rdata}};
  assign s_axi_rresp  = {2{m_axi_rresp}};
  assign s_axi_rlast  = {2{m_axi_rlast}};
  assign s_axi_rvalid = {m_axi_rvalid && owner, m_axi_rvalid && !owner};
  assign m_axi_rready = s_axi_rready[owner];
endmodule
