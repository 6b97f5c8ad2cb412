// axi_cdc: an AXI4 port between two clocks of any frequencies and phases: the master has clk_i, the memory m_clk_i. One async_fifo a channel.
//
// What a channel brings comes out unchanged and in order. Between the channels no order is kept (AXI asks for none): write data may come out
// before their address.
//
// Latency:       of every channel as async_fifo: m_valid with edge Stages + 2 of the clock that it crosses to, one later if the word came too
//                late for the first. A read takes that once on either side.
// Throughput:    a word per channel and clock of the slower side, with Depth >= 2 * Stages + 6.
// Back-pressure: all ready and valid are registers; a channel that is held up takes Depth + 1 words more.
// Reset:         of both sides together: there must be a time at which both are low and each clock has had two edges; they may rise in any
//                order. Words inside and transactions in flight are forgotten, so masters and memory are reset, or idle with nothing in
//                flight. A reset of one side alone is not allowed, see async_fifo.
//
// Parameters:
//   DataW   bits of a beat, a multiple of 8
//   AddrW   address bits
//   IdW     bits of the IDs
//   Depth   words of each channel, a power of two, >= 4; 32 fill the distributed RAM
//   Stages  flip-flops of the synchronisers, >= 2
module axi_cdc #(
    parameter int unsigned DataW = 256,
    parameter int unsigned AddrW = 64,
    parameter int unsigned IdW = 1,
    parameter int unsigned Depth = 32,
    parameter int unsigned Stages = 2
) (
    input  logic               clk_i,
    input  logic               rst_ni,
    input  logic               m_clk_i,
    input  logic               m_rst_ni,
    // s_axi, clk_i
    input  logic [    IdW-1:0] s_axi_awid,
    input  logic [  AddrW-1:0] s_axi_awaddr,
    input  logic [        7:0] s_axi_awlen,
    input  logic [        2:0] s_axi_awsize,
    input  logic [        1:0] s_axi_awburst,
    input  logic [        3:0] s_axi_awcache,
    input  logic [        2:0] s_axi_awprot,
    input  logic               s_axi_awvalid,
    output logic               s_axi_awready,
    input  logic [  DataW-1:0] s_axi_wdata,
    input  logic [DataW/8-1:0] s_axi_wstrb,
    input  logic               s_axi_wlast,
    input  logic               s_axi_wvalid,
    output logic               s_axi_wready,
    output logic [    IdW-1:0] s_axi_bid,
    output logic [        1:0] s_axi_bresp,
    output logic               s_axi_bvalid,
    input  logic               s_axi_bready,
    input  logic [    IdW-1:0] s_axi_arid,
    input  logic [  AddrW-1:0] s_axi_araddr,
    input  logic [        7:0] s_axi_arlen,
    input  logic [        2:0] s_axi_arsize,
    input  logic [        1:0] s_axi_arburst,
    input  logic [        3:0] s_axi_arcache,
    input  logic [        2:0] s_axi_arprot,
    input  logic               s_axi_arvalid,
    output logic               s_axi_arready,
    output logic [    IdW-1:0] s_axi_rid,
    output logic [  DataW-1:0] s_axi_rdata,
    output logic [        1:0] s_axi_rresp,
    output logic               s_axi_rlast,
    output logic               s_axi_rvalid,
    input  logic               s_axi_rready,
    // m_axi, m_clk_i
    output logic [    IdW-1:0] m_axi_awid,
    output logic [  AddrW-1:0] m_axi_awaddr,
    output logic [        7:0] m_axi_awlen,
    output logic [        2:0] m_axi_awsize,
    output logic [        1:0] m_axi_awburst,
    output logic [        3:0] m_axi_awcache,
    output logic [        2:0] m_axi_awprot,
    output logic               m_axi_awvalid,
    input  logic               m_axi_awready,
    output logic [  DataW-1:0] m_axi_wdata,
    output logic [DataW/8-1:0] m_axi_wstrb,
    output logic               m_axi_wlast,
    output logic               m_axi_wvalid,
    input  logic               m_axi_wready,
    input  logic [    IdW-1:0] m_axi_bid,
    input  logic [        1:0] m_axi_bresp,
    input  logic               m_axi_bvalid,
    output logic               m_axi_bready,
    output logic [    IdW-1:0] m_axi_arid,
    output logic [  AddrW-1:0] m_axi_araddr,
    output logic [        7:0] m_axi_arlen,
    output logic [        2:0] m_axi_arsize,
    output logic [        1:0] m_axi_arburst,
    output logic [        3:0] m_axi_arcache,
    output logic [        2:0] m_axi_arprot,
    output logic               m_axi_arvalid,
    input  logic               m_axi_arready,
    input  logic [    IdW-1:0] m_axi_rid,
    input  logic [  DataW-1:0] m_axi_rdata,
    input  logic [        1:0] m_axi_rresp,
    input  logic               m_axi_rlast,
    input  logic               m_axi_rvalid,
    output logic               m_axi_rready
);
  localparam int unsigned AddressW = IdW + AddrW + 20;

  if (DataW < 8 || DataW % 8 != 0) $error("%m: DataW is %0d, allowed: multiples of 8", DataW);
  if (AddrW < 1 || IdW < 1) $error("%m: AddrW is %0d, IdW is %0d, allowed: >= 1", AddrW, IdW);

  async_fifo #(.Width(AddressW), .Depth(Depth), .Stages(Stages)) u_aw (
      .s_clk_i(clk_i), .s_rst_ni(rst_ni),
      .s_data_i({s_axi_awid, s_axi_awaddr, s_axi_awlen, s_axi_awsize, s_axi_awburst, s_axi_awcache, s_axi_awprot}),
      .s_valid_i(s_axi_awvalid), .s_ready_o(s_axi_awready),
      .m_clk_i(m_clk_i), .m_rst_ni(m_rst_ni),
      .m_data_o({m_axi_awid, m_axi_awaddr, m_axi_awlen, m_axi_awsize, m_axi_awburst, m_axi_awcache, m_axi_awprot}),
      .m_valid_o(m_axi_awvalid), .m_ready_i(m_axi_awready)
  );
  async_fifo #(.Width(DataW + DataW / 8 + 1), .Depth(Depth), .Stages(Stages)) u_w (
      .s_clk_i(clk_i), .s_rst_ni(rst_ni),
      .s_data_i({s_axi_wdata, s_axi_wstrb, s_axi_wlast}),
      .s_valid_i(s_axi_wvalid), .s_ready_o(s_axi_wready),
      .m_clk_i(m_clk_i), .m_rst_ni(m_rst_ni),
      .m_data_o({m_axi_wdata, m_axi_wstrb, m_axi_wlast}),
      .m_valid_o(m_axi_wvalid), .m_ready_i(m_axi_wready)
  );
  async_fifo #(.Width(IdW + 2), .Depth(Depth), .Stages(Stages)) u_b (
      .s_clk_i(m_clk_i), .s_rst_ni(m_rst_ni),
      .s_data_i({m_axi_bid, m_axi_bresp}),
      .s_valid_i(m_axi_bvalid), .s_ready_o(m_axi_bready),
      .m_clk_i(clk_i), .m_rst_ni(rst_ni),
      .m_data_o({s_axi_bid, s_axi_bresp}),
      .m_valid_o(s_axi_bvalid), .m_ready_i(s_axi_bready)
  );
  async_fifo #(.Width(AddressW), .Depth(Depth), .Stages(Stages)) u_ar (
      .s_clk_i(clk_i), .s_rst_ni(rst_ni),
      .s_data_i({s_axi_arid, s_axi_araddr, s_axi_arlen, s_axi_arsize, s_axi_arburst, s_axi_arcache, s_axi_arprot}),
      .s_valid_i(s_axi_arvalid), .s_ready_o(s_axi_arready),
      .m_clk_i(m_clk_i), .m_rst_ni(m_rst_ni),
      .m_data_o({m_axi_arid, m_axi_araddr, m_axi_arlen, m_axi_arsize, m_axi_arburst, m_axi_arcache, m_axi_arprot}),
      .m_valid_o(m_axi_arvalid), .m_ready_i(m_axi_arready)
  );
  async_fifo #(.Width(IdW + DataW + 3), .Depth(Depth), .Stages(Stages)) u_r (
      .s_clk_i(m_clk_i), .s_rst_ni(m_rst_ni),
      .s_data_i({m_axi_rid, m_axi_rdata, m_axi_rresp, m_axi_rlast}),
      .s_valid_i(m_axi_rvalid), .s_ready_o(m_axi_rready),
      .m_clk_i(clk_i), .m_rst_ni(rst_ni),
      .m_data_o({s_axi_rid, s_axi_rdata, s_axi_rresp, s_axi_rlast}),
      .m_valid_o(s_axi_rvalid), .m_ready_i(s_axi_rready)
  );
endmodule
