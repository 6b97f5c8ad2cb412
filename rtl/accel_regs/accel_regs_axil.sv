// accel_regs_axil: AXI4-Lite to the generated register block's own interface, one access at a time.
//
// The request is a register of its own: the block decodes addresses and gates all its fields within one cycle.
//
// Order:        reads and writes take turns where both wait; an access begins when the answer before it was taken.
// Latency:      address and data to answer: write 3 cycles, read 5, when idle.
// Throughput:   a write every 3 cycles, a read every 5.
// Back-pressure: every ready is a register.
//
// Parameters:
//   AddrW  address bits
module accel_regs_axil #(
    parameter int unsigned AddrW = 9
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic [AddrW-1:0] s_axil_awaddr,
    input  logic             s_axil_awvalid,
    output logic             s_axil_awready,
    input  logic [     31:0] s_axil_wdata,
    input  logic [      3:0] s_axil_wstrb,
    input  logic             s_axil_wvalid,
    output logic             s_axil_wready,
    output logic [      1:0] s_axil_bresp,
    output logic             s_axil_bvalid,
    input  logic             s_axil_bready,
    input  logic [AddrW-1:0] s_axil_araddr,
    input  logic             s_axil_arvalid,
    output logic             s_axil_arready,
    output logic [     31:0] s_axil_rdata,
    output logic [      1:0] s_axil_rresp,
    output logic             s_axil_rvalid,
    input  logic             s_axil_rready,
    // register block
    output logic             req_o,
    output logic             write_o,
    output logic [AddrW-1:2] addr_o,             // of a word
    output logic [     31:0] data_o,
    output logic [     31:0] bits_o,
    input  logic             read_ack_i,
    input  logic             read_error_i,
    input  logic [     31:0] read_data_i,
    input  logic             write_ack_i,
    input  logic             write_error_i
);
  localparam logic [1:0] SlvErr = 2'b10;
  wire unused_byte = ^{s_axil_awaddr[1:0], s_axil_araddr[1:0]};

  logic aw_q, w_q, ar_q;  // waiting
  logic [AddrW-1:2] awaddr_q, araddr_q;
  logic [31:0] wdata_q;
  logic [3:0] wstrb_q;
  logic busy_q, was_read_q;

  assign s_axil_awready = !aw_q;
  assign s_axil_wready  = !w_q;
  assign s_axil_arready = !ar_q;

  wire write = !busy_q && aw_q && w_q && (!ar_q || was_read_q);
  wire read = !busy_q && ar_q && !write;
  wire taken = (s_axil_bvalid && s_axil_bready) || (s_axil_rvalid && s_axil_rready);

  always_ff @(posedge clk_i) begin
    if (s_axil_awvalid && s_axil_awready) awaddr_q <= s_axil_awaddr[AddrW-1:2];
    if (s_axil_wvalid && s_axil_wready) {wstrb_q, wdata_q} <= {s_axil_wstrb, s_axil_wdata};
    if (s_axil_arvalid && s_axil_arready) araddr_q <= s_axil_araddr[AddrW-1:2];
    aw_q <= (aw_q || s_axil_awvalid) && !write;
    w_q  <= (w_q || s_axil_wvalid) && !write;
    ar_q <= (ar_q || s_axil_arvalid) && !read;
    req_o <= write || read;
    if (write || read) begin
      write_o    <= write;
      was_read_q <= read;
      addr_o     <= write ? awaddr_q : araddr_q;
      data_o     <= wdata_q;
      for (int unsigned i = 0; i < 4; i++) bits_o[8*i+:8] <= {8{wstrb_q[i]}};
      busy_q <= 1'b1;
    end
    if (write_ack_i) begin
      s_axil_bvalid <= 1'b1;
      s_axil_bresp  <= write_error_i ? SlvErr : 2'b00;
    end
    if (read_ack_i) begin
      s_axil_rvalid <= 1'b1;
      s_axil_rresp  <= read_error_i ? SlvErr : 2'b00;
      s_axil_rdata  <= read_data_i;
    end
    if (taken) begin
      s_axil_bvalid <= 1'b0;
      s_axil_rvalid <= 1'b0;
      busy_q        <= 1'b0;
    end
    if (!rst_ni) begin
      aw_q          <= 1'b0;
      w_q           <= 1'b0;
      ar_q          <= 1'b0;
      req_o         <= 1'b0;
      busy_q        <= 1'b0;
      was_read_q    <= 1'b0;
      s_axil_bvalid <= 1'b0;
      s_axil_rvalid <= 1'b0;
    end
  end

  a_one_answer :
  assert property (@(posedge clk_i) disable iff (!rst_ni) $onehot0({s_axil_bvalid, s_axil_rvalid, write_ack_i, read_ack_i}));
  a_answer_asked :
  assert property (@(posedge clk_i) disable iff (!rst_ni) write_ack_i || read_ack_i |-> busy_q);
  a_stable_answer :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      s_axil_rvalid && !s_axil_rready |=> s_axil_rvalid && $stable({s_axil_rdata, s_axil_rresp}));
endmodule
