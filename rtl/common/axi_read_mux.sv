// axi_read_mux: two AXI4 read masters on one port. The ID tells whose a beat is.
//
// The masters' own IDs are 0, one transaction after the other in order, as hbm_streamer's are; the port's ID is the number of the
// master. The write channels of a port that one master writes to go past this core.
//
// Latency:       addresses 1 cycle, beats 0.
// Throughput:    one address and one beat a cycle.
// Back-pressure: master 0 has precedence, and the port to itself while `Alone` or more of its beats are under way: with Alone = 1
//                master 1's addresses wait until its last beat has come. With as many as come within the memory's latency, master 1's
//                first beat follows master 0's last one. s_axi_arready depends on registers and, for master 1, on master 0's arvalid;
//                m_axi_rready on the master that the beat is for: a master that stops its beats stops the other's behind them. Up to
//                32,768 beats of master 0 are under way.
// Errors:        a beat with an ID that is not asked for is handed to the master of its lowest bit, which has to judge it.
//
// Parameters:
//   AddrW, DataW  address and data bits
//   Alone         beats of master 0 under way that keep master 1 from asking, a power of two
module axi_read_mux #(
    parameter int unsigned AddrW = 64,
    parameter int unsigned DataW = 256,
    parameter int unsigned Alone = 1
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
  localparam int unsigned AloneW = $clog2(Alone);
  if (Alone < 1 || Alone > 16384 || 2 ** AloneW != Alone)
    $error("%m: Alone is %0d, allowed: powers of two up to 16384", Alone);

  wire from = !s_axi_arvalid[0];  // the master whose address is next
  logic [15:0] flying_q;  // beats of master 0 under way
  logic room;
  wire asks = s_axi_arvalid[0] && s_axi_arready[0];
  wire comes = m_axi_rvalid && m_axi_rready && !m_axi_rid[0] && flying_q != '0;
  assign s_axi_arready = {room && from && flying_q[15:AloneW] == '0, room && !flying_q[15]};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) flying_q <= '0;
    else flying_q <= flying_q + (asks ? 16'(s_axi_arlen[0]) + 16'd1 : 16'd0) - 16'(comes);
  end

  spill_register #(.Width(AddrW + 8 + 3 + 2 + 4 + 3 + 1)) u_address (
      .clk_i, .rst_ni,
      .s_data_i({s_axi_araddr[from], s_axi_arlen[from], s_axi_arsize[from], s_axi_arburst[from], s_axi_arcache[from],
                 s_axi_arprot[from], from}),
      .s_valid_i((s_axi_arvalid & s_axi_arready) != '0), .s_ready_o(room),
      .m_data_o({m_axi_araddr, m_axi_arlen, m_axi_arsize, m_axi_arburst, m_axi_arcache, m_axi_arprot, m_axi_arid}),
      .m_valid_o(m_axi_arvalid), .m_ready_i(m_axi_arready)
  );

  assign s_axi_rid    = '0;
  assign s_axi_rdata  = {2{m_axi_rdata}};
  assign s_axi_rresp  = {2{m_axi_rresp}};
  assign s_axi_rlast  = {2{m_axi_rlast}};
  assign s_axi_rvalid = {m_axi_rvalid && m_axi_rid[0], m_axi_rvalid && !m_axi_rid[0]};
  assign m_axi_rready = s_axi_rready[m_axi_rid[0]];
endmodule
